"""What Scrapyd starts for a job, by its option `runner`: lists one spider, or works for two seconds."""

import sys
import time

if sys.argv[1] == "list":
    print("greet")
else:
    time.sleep(2)
