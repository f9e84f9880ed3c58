// A registry in memory that has the referrers API of OCI 1.1, which the distribution project's lacks: the one of
// cuelabs.dev/go/oci/ociregistry, which knows nothing of Seatrial. Serves on the address that it is given.
package main

import (
	"log"
	"net/http"
	"os"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], ociserver.New(ocimem.New(), nil)))
}
