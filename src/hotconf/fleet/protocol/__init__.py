"""The fleet's data in etcd: keys, records, and the transactions that change them. Pure."""
