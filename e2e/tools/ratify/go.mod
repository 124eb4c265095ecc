module countersign.example/e2e/tools/ratify

go 1.26.0

require github.com/ratify-project/ratify v1.4.6
