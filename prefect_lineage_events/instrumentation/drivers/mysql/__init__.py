"""MySQL and MariaDB: PyMySQL, mysql-connector and mysqlclient."""
