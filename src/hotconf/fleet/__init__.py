"""The fleet: a source and a publisher on etcd (extra `fleet`)."""
