using System.Net;
using System.Net.Sockets;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Tests.Hosting;

/// <summary>A real cluster of three silos, started once for the tests that only look at it.</summary>
[Collection(TracingCollection.Name)]
public sealed class EmbeddedClusterTests(EmbeddedClusterTests.ThreeSilos fixture) : IClassFixture<EmbeddedClusterTests.ThreeSilos>
{
    private EmbeddedCluster Cluster => fixture.Cluster;

    [Theory]
    [InlineData("host-0", "silo-0")]
    [InlineData("host-1", "silo-1")]
    [InlineData("host-5", "silo-2")]
    [InlineData("vm-0.0@host-0", "silo-1")]
    [InlineData("vm-9.4@host-2", "silo-0")]
    [InlineData("vm-0.0@host-0/vcpu-0", "silo-2")]
    [InlineData("vm-0.0@host-0/vcpu-1", "silo-0")]
    [InlineData("silo-2", "silo-2")]
    public async Task A_grain_lives_on_the_silo_that_its_key_says(string key, string silo) =>
        Assert.Equal(silo, await Cluster.Client.GetGrain<IPlaceGrain>(key).WhereAsync());

    [Fact]
    public async Task Silos_agree_on_the_place_whoever_asks()
    {
        // Each silo in turn is the first to place one of these grains.
        var relays = Enumerable.Range(0, 3).Select(i => Cluster.Client.GetGrain<IPlaceGrain>(ActorKeys.Host(i))
            .RelayAsync([ActorKeys.Vm(100 + i, 0, 1), ActorKeys.Vcpu(100 + i, 0, 1, 0)]));
        Assert.Equal(["silo-0 silo-2 silo-0", "silo-1 silo-2 silo-0", "silo-2 silo-2 silo-0"], await Task.WhenAll(relays));
    }

    [Fact]
    public async Task A_grain_whose_key_names_no_actor_is_refused()
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => Cluster.Client.GetGrain<IPlaceGrain>("somewhere").WhereAsync());
        Assert.Contains("names no actor", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_reports_the_actors_of_its_own_silo()
    {
        await Cluster.Client.GetGrain<IPlaceGrain>("vm-77.0@host-0").WhereAsync();
        var report = await Cluster.Client.GetGrain<ISiloProbe>("silo-1").ReportAsync();
        Assert.Equal("silo-1", report.Silo);
        Assert.Equal(Environment.ProcessId, report.ProcessId);
        Assert.True(report.Activations[typeof(PlaceGrain).FullName!] >= 1);
    }

    [Fact]
    public async Task A_probe_reports_the_spans_that_a_limit_of_its_own_silo_kept_out()
    {
        var silo = Cluster.ServicesOf(1).GetRequiredService<SiloTelemetry>();
        while (silo.TryPromote()) { }
        var report = await Cluster.Client.GetGrain<ISiloProbe>("silo-1").ReportAsync();
        Assert.Equal(KeyValuePair.Create(SpanLimit.Rate, 1L), Assert.Single(report.SpansSuppressed));
        Assert.Empty((await Cluster.Client.GetGrain<ISiloProbe>("silo-2").ReportAsync()).SpansSuppressed);
    }

    [Fact]
    public async Task A_probe_of_a_silo_that_is_not_there_fails_and_reports_nothing()
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => Cluster.Client.GetGrain<ISiloProbe>("silo-7").ReportAsync());
        Assert.Contains("silo-7 is no member", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_turn_gives_way_on_the_grains_own_scheduler_and_its_wait_is_measured()
    {
        var report = await Cluster.Client.GetGrain<IPlaceGrain>("vm-50.0@host-0").YieldWhileQueuedAsync();
        Assert.True(report.OtherTurnRan);
        Assert.True(report.StayedOnScheduler);
        Assert.Equal(1, report.Waits);
        Assert.True(report.WaitMicroseconds >= 0);
    }

    [Fact]
    public async Task A_client_that_does_not_know_the_clusters_secret_reaches_nothing()
    {
        var gateway = Cluster.ServicesOf(0).GetRequiredService<ILocalSiloDetails>().GatewayAddress.Endpoint;
        using var stranger = ClusterClientHost.Build(new ClusterSettings { LogLevel = LogLevel.None }, [gateway], spansPerTrace: 1);

        // It tries again and again.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAnyAsync<Exception>(() => stranger.StartAsync(patience.Token));
        Assert.Equal("silo-0", await Cluster.Client.GetGrain<IPlaceGrain>("host-0").WhereAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_silo_closes_a_connection_of_a_stranger_at_its_first_words_and_goes_on(bool isGateway)
    {
        var silo = Cluster.ServicesOf(0).GetRequiredService<ILocalSiloDetails>();
        var address = (isGateway ? silo.GatewayAddress : silo.SiloAddress).Endpoint;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address);
        var words = new byte[64 << 10];
        words.AsSpan().Fill(0xff);
        await socket.SendAsync(words);
        Assert.True(await IsClosedAsync(socket));
        Assert.Equal("silo-0", await Cluster.Client.GetGrain<IPlaceGrain>("host-0").WhereAsync());
    }

    [Fact]
    public async Task Three_silos_start_and_stop_although_a_grain_hangs()
    {
        var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings { Placement = PlacementMode.Packed });
        Assert.Equal("silo-1", await cluster.Client.GetGrain<IPlaceGrain>("vm-1.0@host-1").WhereAsync());
        var hanging = cluster.Client.GetGrain<IPlaceGrain>("host-0").HangAsync();
        await cluster.DisposeAsync();

        // The grain still hangs: the stop did not wait for it.
        Assert.False(hanging.IsCompletedSuccessfully);
        Assert.False(cluster.SiloLost.IsCompleted);
        await Assert.ThrowsAnyAsync<Exception>(() => hanging.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task The_dashboard_shows_the_silos_to_those_that_know_its_address_and_ends_with_the_cluster()
    {
        using var browser = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        Uri page;
        await using (var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 2, Dashboard = true }))
        {
            page = cluster.Dashboard!;
            Assert.True(page.IsLoopback);
            Assert.Contains("<html", await browser.GetStringAsync(page), StringComparison.OrdinalIgnoreCase);
            using var guessed = await browser.GetAsync(new Uri(page, "/"));
            Assert.Equal(HttpStatusCode.NotFound, guessed.StatusCode);

            // The counters are collected once a second.
            var counters = "";
            while (!(counters.Contains("silo-0", StringComparison.Ordinal) && counters.Contains("silo-1", StringComparison.Ordinal)))
                counters = await browser.GetStringAsync(new Uri(page, "DashboardCounters"));
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => browser.GetStringAsync(page));
        Assert.Null(Cluster.Dashboard);
    }

    [Fact]
    public async Task A_cluster_that_is_not_up_in_time_says_so()
    {
        var failure = await Assert.ThrowsAsync<StartTimeoutException>(
            () => EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 1, StartTimeout = TimeSpan.FromMilliseconds(1) }));
        Assert.StartsWith("the cluster was not up within 0.001 s", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_port_in_use_is_named_and_nothing_is_left_running(int taken)
    {
        // Four consecutive ports of which one is taken.
        var basePort = FreeRun(4);
        using var holder = new TcpListener(IPAddress.Loopback, basePort + taken);
        holder.Start();
        var failure = await Assert.ThrowsAsync<PortInUseException>(
            () => EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 2, BasePort = basePort }));
        Assert.Equal(basePort + taken, failure.Port);
        Assert.Contains($"port {basePort + taken} is in use", failure.Message, StringComparison.Ordinal);
        for (var port = basePort; port < basePort + 4; port++)
            if (port != basePort + taken)
                SiloPorts.ThrowIfInUse(port);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65_533)]
    public async Task A_base_that_leaves_no_room_for_the_ports_is_refused(int basePort) =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 2, BasePort = basePort }));

    [Fact]
    public async Task A_base_port_gives_every_silo_the_next_two()
    {
        var basePort = FreeRun(2);
        await using var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings { Silos = 1, BasePort = basePort });
        Assert.Throws<PortInUseException>(() => SiloPorts.ThrowIfInUse(basePort));
        Assert.Throws<PortInUseException>(() => SiloPorts.ThrowIfInUse(basePort + 1));
    }

    private static async Task<bool> IsClosedAsync(Socket socket)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            return await socket.ReceiveAsync(new byte[1], patience.Token) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static int FreeRun(int count)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var candidate = SiloPorts.FindFree(1)[0].Silo;
            try
            {
                for (var port = candidate; port < candidate + count; port++) SiloPorts.ThrowIfInUse(port);
                return candidate;
            }
            catch (PortInUseException)
            {
                continue;
            }
        }

        throw new InvalidOperationException($"no {count} consecutive free ports");
    }

    public sealed class ThreeSilos : IAsyncLifetime
    {
        public EmbeddedCluster Cluster { get; private set; } = null!;

        public async Task InitializeAsync() => Cluster = await EmbeddedCluster.StartAsync(new ClusterSettings());
        public async Task DisposeAsync() => await Cluster.DisposeAsync();
    }
}
