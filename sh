Put the site of the pool tests into one fixture

The tests of commands stand on the same site.
