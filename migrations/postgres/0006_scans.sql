-- Scans are listed in the order in which they were written, so their time needs no index.

DROP INDEX scan_time;
