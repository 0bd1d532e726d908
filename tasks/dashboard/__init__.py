"""The project on one local page: what is out of date, who is champion, what ran last, what has drifted."""
