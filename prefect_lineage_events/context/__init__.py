"""The flow run and task run that calling code belongs to, and its way into threads, pools and child processes."""
