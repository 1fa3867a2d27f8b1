package main

import (
	"errors"

	"github.com/spf13/cobra"

	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/pkg/generated/openapi"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/api"
)

// newMetricsServerCommand is metrics-server's own command, but for the descriptions of its types: those that it carries have the names
// of an older Kubernetes, and the API server's library does not find them. Kubernetes carries the same types under today's names.
func newMetricsServerCommand() *cobra.Command {
	opts := options.NewOptions()
	command := &cobra.Command{
		Use: "metrics-server",
		RunE: func(*cobra.Command, []string) error {
			if err := errors.Join(opts.Validate()...); err != nil {
				return err
			}
			config, err := opts.ServerConfig()
			if err != nil {
				return err
			}
			namer := openapinamer.NewDefinitionNamer(api.Scheme)
			config.Apiserver.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer)
			config.Apiserver.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer)
			stop := genericapiserver.SetupSignalHandler()
			server, err := config.Complete()
			if err != nil {
				return err
			}
			return server.RunUntil(stop)
		},
	}
	for _, set := range opts.Flags().FlagSets {
		command.Flags().AddFlagSet(set)
	}
	return command
}
