"""Values as documents, with remarks."""
