using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Livebed.Grains.Hosting;
using Livebed.Grains.Security;
using Livebed.Grains.Tests.Security;

namespace Livebed.Silo.Tests;

/// <summary>The silo as a user or a driver meets it: a process with arguments, a ready line, and ways to end.</summary>
public sealed class SiloProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_silo_says_that_it_is_ready_and_ends_when_its_standard_input_does()
    {
        using var silo = Start([.. FreeArguments(), SiloArguments.ExitWithStdin]);
        Assert.Equal("ready silo-0", await silo.StandardOutput.ReadLineAsync().WaitAsync(Patience));
        silo.StandardInput.Close();
        await silo.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(0, silo.ExitCode);
        Assert.Equal(string.Empty, await silo.StandardError.ReadToEndAsync());
    }

    [Fact]
    public async Task A_silo_outlives_its_standard_input_unless_told_otherwise_and_ends_on_sigterm()
    {
        using var silo = Start(FreeArguments());
        silo.StandardInput.Close();
        Assert.Equal("ready silo-0", await silo.StandardOutput.ReadLineAsync().WaitAsync(Patience));
        Assert.False(silo.HasExited);
        Assert.Equal(0, Kill(silo.Id, signal: 15));
        await silo.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(0, silo.ExitCode);
    }

    [Fact]
    public async Task A_port_in_use_is_one_line_and_status_64()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var taken = ((IPEndPoint)holder.LocalEndpoint).Port;
        var ports = SiloPorts.FindFree(1)[0];
        var (status, errors) = await FailAsync(Arguments(ports with { Gateway = taken }));
        Assert.Equal(64, status);
        Assert.Equal($"livebed-silo: port {taken} is in use", Assert.Single(errors));
    }

    [Theory]
    [InlineData("--silos", "0", "--silos: must be at least 1")]
    [InlineData("--silos", "65", "--silos 65: a cluster has at most 64 silos")]
    [InlineData("--host-lease", "499", "--host-lease 499: a lease is renewed three times in its length and is at least 500")]
    [InlineData("--sample-ratio", "1.5", "--sample-ratio 1.5: a ratio is between 0 and 1")]
    [InlineData("--silo-name", "alpha", "--silo-name alpha: a silo is named silo-0, silo-1, ...")]
    [InlineData("--silos", "many", "--silos many: is not a whole number, or too large")]
    [InlineData("--host-lease", "5s", "--host-lease 5s: is not a whole number, or too large")]
    [InlineData("--sample-ratio", "half", "--sample-ratio half: is not a number")]
    [InlineData("--log-level", "loud", "--log-level loud: is not one of Trace, Debug, Information, Warning, Error, Critical, None")]
    [InlineData("--listen", "everywhere", "'everywhere' is not an IP address")]
    [InlineData("--primary", "here", "'here' is not ADDRESS:PORT")]
    [InlineData("--otlp", "jaeger", "'jaeger' is not an http or https URL")]
    [InlineData("--placement", "random", "--placement random: placement is spread or packed")]
    public async Task A_wrong_argument_is_one_line_and_status_64(string option, string value, string message)
    {
        var arguments = FreeArguments().ToList();
        var at = arguments.IndexOf(option);
        if (at >= 0) arguments[at + 1] = value;
        else arguments.AddRange([option, value]);
        var (status, errors) = await FailAsync(arguments);
        Assert.Equal(64, status);
        Assert.Equal($"livebed-silo: {message}", Assert.Single(errors));
    }

    [Fact]
    public async Task Three_processes_make_a_cluster_whose_grains_live_where_their_keys_say_and_nobody_outlives_it()
    {
        var processes = new List<Process>();
        await using (var cluster = await ProcessCluster.StartAsync(new ClusterSettings()))
        {
            foreach (var name in cluster.SiloNames)
            {
                var report = await cluster.Client.GetGrain<ISiloProbe>(name).ReportAsync();
                Assert.Equal(name, report.Silo);
                processes.Add(Process.GetProcessById(report.ProcessId));
            }

            Assert.Equal(3, processes.Select(process => process.Id).Distinct().Count());
            Assert.False(cluster.SiloLost.IsCompleted);
        }

        Assert.All(processes, process => Assert.True(process.HasExited));
    }

    [Fact]
    public async Task The_loss_of_a_silo_is_told_by_name()
    {
        await using var cluster = await ProcessCluster.StartAsync(new ClusterSettings { Silos = 2 });
        var report = await cluster.Client.GetGrain<ISiloProbe>("silo-1").ReportAsync();
        Assert.Equal(0, Kill(report.ProcessId, signal: 9));
        Assert.Equal("silo-1", await cluster.SiloLost.WaitAsync(Patience));
    }

    [Fact]
    public void Every_setting_survives_the_way_through_the_command_line()
    {
        var settings = new SiloSettings
        {
            ClusterId = "other",
            SiloName = "silo-3",
            Ports = new SiloPorts(1001, 1002),
            PrimaryEndpoint = new IPEndPoint(IPAddress.Loopback, 1003),
            Network = new SiloNetwork
            {
                Listen = IPAddress.Any,
                Advertise = IPAddress.Parse("10.0.0.7"),
                AdvertisePages = IPAddress.Parse("10.0.0.8"),
            },
            HealthPort = 1005,
            DrainMax = TimeSpan.FromSeconds(7),
            LogsJson = true,
            JoinAfter = new IPEndPoint(IPAddress.Loopback, 1004),
            Silos = 5,
            Placement = Grains.Placement.PlacementMode.Packed,
            Otlp = new Uri("http://127.0.0.1:4317"),
            Traces = "traces.silo-3",
            TraceBytesMax = 12_345,
            SampleRatio = 0.125,
            SpansPerTrace = 77,
            Thresholds = new() { LockWaitMicroseconds = 1, FaultMicroseconds = 2, FaultRetries = 3, PromotedPerSecond = 4 },
            Seed = ulong.MaxValue,
            PreemptionShare = 0.125,
            ProbeTimeout = TimeSpan.FromMilliseconds(1234),
            ResponseTimeout = TimeSpan.FromMilliseconds(5678),
            LogLevel = Microsoft.Extensions.Logging.LogLevel.Error,
        };
        Assert.Equal(settings, SiloCommand.SettingsOf(SiloCommand.Create().Parse(SiloArguments.From(settings))));
        var lasting = settings with { PrimaryEndpoint = null, Redis = "redis:6379,password=secret" };
        Assert.DoesNotContain(SiloArguments.From(lasting), word => word.Contains("secret", StringComparison.Ordinal));
        var sources = SettingSources.Read(
            SiloArguments.From(lasting), SiloArguments.OfSilos, [], [], new Hashtable(SiloArguments.EnvironmentOf(lasting).ToDictionary()));
        Assert.Equal(lasting, SiloCommand.SettingsOf(SiloCommand.Create().Parse(sources.Arguments)));
    }

    [Fact]
    public void The_settings_of_silos_are_those_of_the_documentation()
    {
        Assert.Equal(SiloArguments.OfSilos, SiloCommand.Settings.Select(setting => setting.Name));
        var rows = SiloCommand.Settings.Select(setting =>
            $"| `{setting.Name}` | `{SettingSources.VariableOf(setting.Name)}` | {setting.Meaning} |");
        var document = File.ReadAllText(Path.Combine(Root(), "docs", "cluster.md"));
        Assert.Contains(string.Join('\n', rows), document, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silo_whose_Redis_is_not_there_stops_with_one_line_and_so_does_one_with_a_setting_of_the_environment_that_is_wrong()
    {
        var port = SiloPorts.FindFree(1)[0].Silo;
        var (status, errors) = await FailAsync(
            [.. FreeArguments(), SiloArguments.Redis, $"127.0.0.1:{port}", SiloArguments.StartTimeout, "1"]);
        Assert.Equal($"livebed-silo: --redis: no Redis answers at 127.0.0.1:{port} within 1 s", Assert.Single(errors));
        Assert.Equal(64, status);
        (status, errors) = await FailAsync(FreeArguments(), ("LIVEBED_REDIS", "nowhere"));
        Assert.StartsWith("livebed-silo: --redis nowhere: is no address of Redis", Assert.Single(errors), StringComparison.Ordinal);
        Assert.EndsWith("(from LIVEBED_REDIS)", errors[0], StringComparison.Ordinal);
        Assert.Equal(64, status);
    }

    [Fact]
    public async Task Files_of_TLS_that_cannot_be_used_are_one_line_wherever_they_come_from()
    {
        using var authority = new ClusterAuthority("cluster");
        var (certificate, key) = authority.Issue("silo");
        var (status, errors) = await FailAsync(
            [.. FreeArguments(), SiloArguments.TlsCertificate, certificate, SiloArguments.TlsAuthority, authority.File],
            ("LIVEBED_TLS_KEY", "/nowhere/tls.key"));
        Assert.Equal(
            "livebed-silo: --tls-key /nowhere/tls.key: there is no such file; allowed: the certificate's key in PEM, without a password "
                + "(from LIVEBED_TLS_KEY)",
            Assert.Single(errors));
        Assert.Equal(64, status);
        (status, errors) = await FailAsync([.. FreeArguments(), SiloArguments.TlsCertificate, certificate]);
        Assert.StartsWith("livebed-silo: --tls-key: is missing; allowed: ", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Equal(64, status);

        // Other machines are let in with certificates too.
        (status, errors) = await FailAsync([.. FreeArguments(), SiloArguments.Listen, "10.0.0.7"]);
        Assert.EndsWith(
            "allowed: with --secret-file, LIVEBED_SECRET or --tls-certificate", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Equal(64, status);
        using var silo = Start(
            [
                .. FreeArguments(), SiloArguments.Listen, "0.0.0.0", SiloArguments.Advertise, "127.0.0.1", SiloArguments.ExitWithStdin,
            ],
            ("LIVEBED_TLS_CERTIFICATE", certificate), ("LIVEBED_TLS_KEY", key), ("LIVEBED_TLS_AUTHORITY", authority.File));
        Assert.Equal("ready silo-0", await silo.StandardOutput.ReadLineAsync().WaitAsync(Patience));
        silo.StandardInput.Close();
        await silo.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal((0, string.Empty), (silo.ExitCode, await silo.StandardError.ReadToEndAsync()));
    }

    [Fact]
    public async Task Processes_of_a_cluster_with_certificates_find_together()
    {
        using var authority = new ClusterAuthority("cluster");
        var (certificate, key) = authority.Issue("silo");
        var certificates = ClusterCertificates.Find(certificate, key, authority.File).Certificates;
        await using var cluster = await ProcessCluster.StartAsync(new ClusterSettings { Silos = 2, Certificates = certificates });
        Assert.Equal("silo-1", (await cluster.Client.GetGrain<ISiloProbe>("silo-1").ReportAsync()).Silo);
    }

    [Fact]
    public async Task Settings_that_are_missing_are_one_line()
    {
        var (status, errors) = await FailAsync([]);
        Assert.Equal(64, status);
        Assert.Contains("--silo-name", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Contains("--gateway-port", errors[0], StringComparison.Ordinal);
    }

    private static IReadOnlyList<string> FreeArguments() => Arguments(SiloPorts.FindFree(1)[0]);

    private static IReadOnlyList<string> Arguments(SiloPorts ports) =>
    [
        SiloArguments.SiloName, "silo-0", SiloArguments.SiloPort, Text(ports.Silo), SiloArguments.GatewayPort, Text(ports.Gateway),
    ];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<(int Status, string[] Errors)> FailAsync(
        IReadOnlyList<string> arguments, params (string Name, string Value)[] variables)
    {
        using var silo = Start(arguments, variables);
        var errors = silo.StandardError.ReadToEndAsync();
        await silo.WaitForExitAsync().WaitAsync(Patience);
        return (silo.ExitCode, (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static Process Start(IReadOnlyList<string> arguments, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(SiloLauncher.Dotnet())
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Livebed.Silo.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int pid, int signal);
}
