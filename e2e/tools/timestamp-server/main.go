// The timestamping authority of sigstore on loopback: its REST server, as `timestamp-server serve` starts it, without the server of
// metrics, which listens at port 2112 of all networks and has no option. Everything that answers requests is sigstore's.
package main

import (
	"flag"
	"log"
	"time"

	// Binds its settings to their defaults.
	_ "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server/app"
	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

// For reading a request and for writing its response.
const timeout = 10 * time.Second

func main() {
	port := flag.Int("port", 0, "port at 127.0.0.1")
	flag.Parse()
	// A key and a chain that are created in memory. The chain has an intermediate certificate, which signatures must then contain.
	viper.Set("timestamp-signer", "memory")
	viper.Set("include-chain-in-response", true)
	authority := server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, timeout, timeout)
	if err := authority.Serve(); err != nil {
		log.Fatal(err)
	}
}
