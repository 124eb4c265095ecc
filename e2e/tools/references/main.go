// What the parsers of containerd and of notation make of texts: as image references, and as scopes of a trust policy. The file in the
// argument has one JSON string in each line; each line of the output is the answer about one of them.
package main

import (
	"bufio"
	// Digests of both lengths, as in containerd.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"log"
	"os"

	"github.com/distribution/reference"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
)

// The longest line: texts have at most some thousand characters.
const longest = 1 << 20

// A reference as containerd reads it; absent if it refuses the text.
type image struct {
	Host   string `json:"host"`
	Path   string `json:"path"`
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"`
}

type answer struct {
	Image *image `json:"image"`
	// Whether notation accepts the text as a scope.
	Scope bool `json:"scope"`
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longest)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(answer{Image: readImage(text), Scope: isScope(text)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

// As the CRI plugin of containerd reads the image of a container.
func readImage(text string) *image {
	named, err := reference.ParseDockerRef(text)
	if err != nil {
		return nil
	}
	read := &image{Host: reference.Domain(named), Path: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		read.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		read.Digest = digested.Digest().String()
	}
	return read
}

func isScope(text string) bool {
	document := trustpolicy.Document{
		Version: "1.0",
		TrustPolicies: []trustpolicy.TrustPolicy{{
			Name:                  "policy",
			RegistryScopes:        []string{text},
			SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
			TrustStores:           []string{"ca:store"},
			TrustedIdentities:     []string{"*"},
		}},
	}
	return document.Validate() == nil
}
