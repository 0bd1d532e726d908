"""Great Expectations as the judge of tables that come in parts: it sees a part at a time, and judges what adds up."""
