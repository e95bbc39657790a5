"""What each code of ITK3 and of MESH means, who usually acts, and what to do next: one table for people."""
