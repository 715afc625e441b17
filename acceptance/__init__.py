"""Run Hintferry once in a test account of AWS, and keep what the services answered."""
