// Command etcd is the etcd server: the store of the test node's Kubernetes and of the platform's own state.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
