"""What is made of a configuration: pools, clients, certificates, and who still uses them."""
