using System.Text.RegularExpressions;
using k8s.Models;
using Livebed.Grains.Hosting;
using Livebed.Silo;
using YamlDotNet.RepresentationModel;

namespace Livebed.Deploy.Tests;

/// <summary>What every overlay has to keep, checked on the objects that it renders to.</summary>
public sealed partial class PolicyTests
{
    public static TheoryData<string> Overlays => Manifests.Overlays;

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Every_container_asks_for_resources_is_not_root_and_cannot_write_its_image(string overlay)
    {
        foreach (var (name, _, pod) in Manifests.Pods(overlay))
        {
            Assert.True(pod.SecurityContext.RunAsNonRoot, name);
            Assert.True(pod.SecurityContext.RunAsUser > 0, name);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.False(pod.AutomountServiceAccountToken, name);
            Assert.NotEqual(true, pod.HostNetwork);
            foreach (var container in pod.Containers.Concat(pod.InitContainers ?? []))
            {
                Assert.Contains("cpu", container.Resources.Requests.Keys);
                Assert.Contains("memory", container.Resources.Requests.Keys);
                Assert.Contains("memory", container.Resources.Limits.Keys);
                // Throttling would look like contention.
                Assert.DoesNotContain("cpu", container.Resources.Limits.Keys);
                Assert.True(container.SecurityContext.ReadOnlyRootFilesystem, name);
                Assert.False(container.SecurityContext.AllowPrivilegeEscalation, name);
                Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
                Assert.Matches(Tag(), container.Image);
                Assert.DoesNotContain("latest", container.Image, StringComparison.Ordinal);
            }
        }
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void What_goes_on_running_has_all_three_probes_at_ports_that_it_has(string overlay)
    {
        var servers = Manifests.All<V1Deployment>(overlay).Select(one => one.Spec.Template.Spec)
            .Concat(Manifests.All<V1StatefulSet>(overlay).Select(one => one.Spec.Template.Spec)).ToList();
        Assert.NotEmpty(servers);
        foreach (var container in servers.SelectMany(server => server.Containers))
        {
            var ports = container.Ports.Select(port => port.Name).ToList();
            foreach (var probe in new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe })
                Assert.Contains((string)(probe.HttpGet?.Port ?? probe.TcpSocket.Port), ports);
        }
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Selectors_find_what_they_are_for(string overlay)
    {
        var pods = Manifests.Pods(overlay);
        foreach (var one in Manifests.All<V1Deployment>(overlay))
            Assert.True(Manifests.Matches(one.Spec.Selector, one.Spec.Template.Metadata.Labels), one.Metadata.Name);
        foreach (var one in Manifests.All<V1StatefulSet>(overlay))
        {
            Assert.True(Manifests.Matches(one.Spec.Selector, one.Spec.Template.Metadata.Labels), one.Metadata.Name);
            Assert.Contains(Manifests.All<V1Service>(overlay), service => service.Metadata.Name == one.Spec.ServiceName);
        }

        foreach (var service in Manifests.All<V1Service>(overlay))
        {
            var selector = new V1LabelSelector { MatchLabels = service.Spec.Selector };
            var target = Assert.Single(pods, pod => Manifests.Matches(selector, pod.Meta.Labels)).Spec.Containers.Single();
            Assert.All(
                service.Spec.Ports,
                port => Assert.Contains(target.Ports, own => own.Name == port.TargetPort && own.ContainerPort == port.Port));
        }

        foreach (var policy in Manifests.All<V1NetworkPolicy>(overlay).Where(one => one.Spec.PodSelector.MatchLabels?.Count > 0))
            Assert.Contains(pods, pod => Manifests.Matches(policy.Spec.PodSelector, pod.Meta.Labels));
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Every_port_of_every_pod_is_let_in_by_a_policy_and_nothing_else_is(string overlay)
    {
        var policies = Manifests.All<V1NetworkPolicy>(overlay).ToList();
        Assert.Contains(
            policies, policy => policy.Spec.PodSelector.MatchLabels is null && policy.Spec.Ingress is null
                && policy.Spec.PolicyTypes.Order().SequenceEqual(["Egress", "Ingress"]));
        foreach (var (name, meta, pod) in Manifests.Pods(overlay))
        {
            var letIn = policies.Where(policy => policy.Spec.PodSelector.MatchLabels is not null)
                .Where(policy => Manifests.Matches(policy.Spec.PodSelector, meta.Labels))
                .SelectMany(policy => policy.Spec.Ingress ?? []).SelectMany(rule => rule.Ports).Select(port => int.Parse(port.Port, null));
            var has = pod.Containers.SelectMany(container => container.Ports ?? []).Select(port => port.ContainerPort);
            Assert.Equal(has.Order(), letIn.Distinct().Order());
            _ = name;
        }
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void The_silos_ports_settings_and_times_are_those_of_the_code(string overlay)
    {
        var silo = Assert.Single(Manifests.All<V1StatefulSet>(overlay));
        var pod = silo.Spec.Template.Spec;
        var container = Assert.Single(pod.Containers);
        var config = Assert.Single(
            Manifests.All<V1ConfigMap>(overlay), map => map.Metadata.Name.StartsWith("livebed-settings", StringComparison.Ordinal));
        var names = container.Env.Select(variable => variable.Name).Concat(config.Data.Keys).ToList();
        Assert.Equal(names.Distinct(), names);
        Assert.Empty(names.Except(SiloArguments.OfSilos.Select(SettingSources.VariableOf)));

        string ValueOf(string option) => container.Env.Single(variable => variable.Name == SettingSources.VariableOf(option)).Value;
        foreach (var (option, port) in new[]
        {
            (SiloArguments.SiloPort, "silo"), (SiloArguments.PagePort, "pages"), (SiloArguments.GatewayPort, "gateway"),
            (SiloArguments.HealthPort, "health"),
        })
            Assert.Equal(ValueOf(option), FormattableString.Invariant($"{container.Ports.Single(own => own.Name == port).ContainerPort}"));
        Assert.Equal(
            [HealthEndpoints.Start, HealthEndpoints.Ready, HealthEndpoints.Live],
            new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe }.Select(probe => probe.HttpGet.Path));

        // The kubelet's patience is longer than the silo's own.
        Assert.True(pod.TerminationGracePeriodSeconds > (SiloSettings.UsualDrainMax + SiloProgram.EndMax).TotalSeconds + 5);
        var startup = container.StartupProbe;
        Assert.True(startup.PeriodSeconds * startup.FailureThreshold > SiloProgram.StartMax.TotalSeconds);
        Assert.Contains(container.Env, variable => variable.Name == SettingSources.VariableOf(SiloArguments.SecretFile));

        // Neither secret nor password is in a manifest.
        Assert.Empty(Manifests.All<V1Secret>(overlay));
    }

    /// <summary>The silos count their calls for it only where a driver shows it.</summary>
    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Silos_and_driver_agree_on_the_dashboard(string overlay)
    {
        var settings = Assert.Single(
            Manifests.All<V1ConfigMap>(overlay), map => map.Metadata.Name.StartsWith("livebed-settings", StringComparison.Ordinal));
        var driver = Assert.Single(Assert.Single(Manifests.All<V1Job>(overlay)).Spec.Template.Spec.Containers);
        var isCounted = settings.Data.TryGetValue(SettingSources.VariableOf(SiloArguments.Dashboard), out var value) && value == "true";
        Assert.Equal(overlay == "overlays/dashboard", isCounted);
        Assert.Equal(isCounted, driver.Args.Contains("--dashboard"));
    }

    /// <summary>The files that their settings name are those of one Secret, as cert-manager makes it, for both.</summary>
    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Silos_and_driver_have_the_files_of_TLS_where_their_settings_say(string overlay)
    {
        var settings = Assert.Single(
            Manifests.All<V1ConfigMap>(overlay), map => map.Metadata.Name.StartsWith("livebed-settings", StringComparison.Ordinal));
        string[] options = [SiloArguments.TlsCertificate, SiloArguments.TlsKey, SiloArguments.TlsAuthority];
        var named = options.Select(option => settings.Data.TryGetValue(SettingSources.VariableOf(option), out var file) ? file : null);
        string?[] none = [null, null, null];
        Assert.Equal(overlay == "overlays/tls" ? ["/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt"] : none, named);
        if (overlay != "overlays/tls") return;
        foreach (
            var pod in new[]
            {
                Assert.Single(Manifests.All<V1StatefulSet>(overlay)).Spec.Template.Spec,
                Assert.Single(Manifests.All<V1Job>(overlay)).Spec.Template.Spec,
            })
        {
            var container = Assert.Single(pod.Containers);
            Assert.Contains(container.EnvFrom, source => source.ConfigMapRef?.Name == settings.Metadata.Name);
            var mount = Assert.Single(container.VolumeMounts, mount => mount.MountPath == "/tls");
            Assert.True(mount.ReadOnlyProperty);
            var secret = Assert.Single(pod.Volumes, volume => volume.Name == mount.Name).Secret;
            Assert.Equal(("livebed-tls", 0b100_100_000), (secret.SecretName, secret.DefaultMode));
            Assert.Equal(
                [("tls.crt", "tls.crt"), ("tls.key", "tls.key"), ("ca.crt", "ca.crt")],
                secret.Items.Select(item => (item.Key, item.Path)));
        }
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Fewer_hosts_may_go_than_there_are_and_the_driver_waits_for_all_of_them(string overlay)
    {
        var silo = Assert.Single(Manifests.All<V1StatefulSet>(overlay));
        var budget = Assert.Single(Manifests.All<V1PodDisruptionBudget>(overlay));
        Assert.True(Manifests.Matches(budget.Spec.Selector, silo.Spec.Template.Metadata.Labels));
        Assert.True(int.Parse(budget.Spec.MaxUnavailable, null) < silo.Spec.Replicas);
        var arguments = Assert.Single(Manifests.All<V1Job>(overlay)).Spec.Template.Spec.Containers.Single().Args;
        Assert.Equal(FormattableString.Invariant($"{silo.Spec.Replicas}"), arguments[arguments.IndexOf("--silos") + 1]);
        var campaign = Path.Combine(Manifests.Root, "campaigns", arguments[1] + ".yaml");
        Assert.True(File.Exists(campaign), campaign);
    }

    [NeedsKubectlTheory, MemberData(nameof(Overlays))]
    public void Jaeger_listens_where_spans_are_sent(string overlay)
    {
        var config = Assert.Single(
            Manifests.All<V1ConfigMap>(overlay), map => map.Metadata.Name.StartsWith("jaeger-config", StringComparison.Ordinal));
        var yaml = new YamlStream();
        yaml.Load(new StringReader(Assert.Single(config.Data).Value));
        var grpc = (YamlMappingNode)yaml.Documents[0].RootNode["receivers"]["otlp"]["protocols"]["grpc"];
        var port = ((string)grpc["endpoint"]!).Split(':')[1];
        var settings = Manifests.All<V1ConfigMap>(overlay).Single(
            map => map.Metadata.Name.StartsWith("livebed-settings", StringComparison.Ordinal));
        Assert.Equal($"http://jaeger:{port}", settings.Data[SettingSources.VariableOf(SiloArguments.Otlp)]);
        var driver = Assert.Single(Manifests.All<V1Job>(overlay)).Spec.Template.Spec.Containers.Single().Args;
        Assert.Equal($"http://jaeger:{port}", driver[driver.IndexOf("--otlp") + 1]);
        var pipelines = (YamlMappingNode)yaml.Documents[0].RootNode["service"]["pipelines"]["traces"];
        foreach (var (section, names) in pipelines.Children.Select(entry => ((string)entry.Key!, (YamlSequenceNode)entry.Value)))
            Assert.All(names, name => Assert.True(
                ((YamlMappingNode)yaml.Documents[0].RootNode[section]).Children.ContainsKey(name), $"{section}: {name}"));
    }

    [GeneratedRegex(@"^[a-z0-9./-]+:[0-9]+\.[0-9]+[a-z0-9.-]*$")]
    private static partial Regex Tag();
}
