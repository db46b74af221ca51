"""polars: files and tables of lakes, by frames and by lazy frames."""
