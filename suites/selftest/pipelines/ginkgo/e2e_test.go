// Package e2e is a suite as Kubernetes' own one is, in small: it is named, labelled and reported in the same way. Which
// of its steps and specs break is said by the environment.
package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/reporters"
	"github.com/onsi/ginkgo/v2/types"
)

var breaks = strings.Fields(os.Getenv("BREAKS"))

func broken(what string) bool {
	for _, name := range breaks {
		if name == what {
			return true
		}
	}
	return false
}

func failIf(what string) {
	if broken(what) {
		ginkgo.Fail("expected <b>ready</b> & \"sound\"\x1b[0m, got " + what)
	}
}

var _ = ginkgo.SynchronizedBeforeSuite(func() {
	failIf("before")
	ginkgo.DeferCleanup(func() {})
}, func() {
	ginkgo.DeferCleanup(func() { failIf("suitecleanup") })
})
var _ = ginkgo.SynchronizedAfterSuite(func() {}, func() { failIf("after") })

// The file that hydrophone and sonobuoy hand on is made so: no message beside the text, no labels, few timelines.
var _ = ginkgo.ReportAfterSuite("Kubernetes e2e JUnit report", func(report ginkgo.Report) {
	config := reporters.JunitReportConfig{
		OmitTimelinesForSpecState: types.SpecStatePassed | types.SpecStateSkipped,
		OmitFailureMessageAttr:    true,
		OmitSpecLabels:            true,
	}
	if err := reporters.GenerateJUnitReportWithConfig(report, os.Getenv("JUNIT"), config); err != nil {
		panic(err)
	}
})

var conformance = ginkgo.Label("Conformance")

var _ = ginkgo.Describe("[sig-node] Pods", func() {
	ginkgo.AfterEach(func() {})

	ginkgo.It("should be submitted and removed [NodeConformance] [Conformance]", conformance, func() {
		ginkgo.DeferCleanup(func() { failIf("cleanup") })
		ginkgo.GinkgoWriter.Println("a line with \x1b[31mcolour\x1b[0m & <marks>")
	})

	ginkgo.It("should restart a container (\"always\") [Conformance]", conformance, func() { failIf("fail") })

	ginkgo.It("should survive a panic [Conformance]", conformance, func() {
		if broken("panic") {
			var none map[string]int
			none["x"] = 1
		}
	})

	ginkgo.It("should end in time [Conformance]", conformance, ginkgo.SpecTimeout(50*time.Millisecond),
		func(ctx ginkgo.SpecContext) {
			if broken("timeout") {
				<-ctx.Done()
			}
		})

	attempts := 0
	ginkgo.It("should be the same every time [Conformance]", conformance, func() {
		attempts++
		if broken("flake") && attempts == 1 {
			ginkgo.Fail("not this time")
		}
	})

	ginkgo.It("should be written one day [Conformance]", conformance, ginkgo.Pending, func() {})

	ginkgo.It("should run Windows containers [Feature:Windows]", func() {})
})

var _ = ginkgo.Describe("[sig-storage] CSI Volumes", ginkgo.Ordered, func() {
	ginkgo.BeforeAll(func() { failIf("beforeall") })

	ginkgo.It("should provision [Conformance]", conformance, func() {})

	ginkgo.It("should need two nodes [Conformance]", conformance, func() {
		if broken("skip") {
			ginkgo.Skip("Requires at least 2 nodes (not -1)")
		}
	})

	ginkgo.It("should abort [Conformance]", conformance, func() {
		if broken("abort") {
			ginkgo.AbortSuite("the cluster is gone")
		}
	})
})

func TestE2E(t *testing.T) {
	ginkgo.RunSpecs(t, "Kubernetes e2e suite")
}
