"""etcd, as far as a fleet needs it: reached, asked, watched."""
