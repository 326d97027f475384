"""Problems for people, editors, code hosts and CI."""
