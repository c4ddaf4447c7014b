"""What is counted: columns, edges, summaries, live counts, and the baseline that fixes them."""
