// Process 1 of a pod's sandbox and of a node.
module poolkeeper.dev/e2e/pause

go 1.26.0
