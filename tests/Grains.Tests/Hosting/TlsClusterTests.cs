using System.Collections.Concurrent;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Actors;
using Livebed.Grains.Tests.Security;
using Livebed.Grains.Tests.Telemetry;
using Livebed.Grains.Wire;
using Livebed.Kvm.Host.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Livebed.Grains.Tests.Hosting;

/// <summary>A cluster whose silos and driver show each other certificates: they find together, and nobody else is let in.</summary>
[Collection(TracingCollection.Name)]
public sealed class TlsClusterTests : IDisposable
{
    /// <summary>One line a second is said.</summary>
    private static readonly TimeSpan NextLine = TimeSpan.FromSeconds(1.2);

    private readonly ClusterAuthority _authority = new("cluster");
    private readonly Lines _lines = new();

    public void Dispose()
    {
        _authority.Dispose();
        _lines.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Silos_and_driver_with_certificates_are_a_cluster_and_strangers_are_refused_with_a_line(bool withSecret)
    {
        var silo = _authority.Issue("silo", uses: [ClusterAuthority.ServerUse, ClusterAuthority.ClientUse]);
        await using var cluster = await EmbeddedCluster.StartAsync(Settings(silo) with
        {
            Secret = withSecret ? ClusterSecret.Random() : null,
        });
        await AnswersAsync(cluster);
        var ports = cluster.ServicesOf(0).GetRequiredService<IOptions<EndpointOptions>>().Value;
        using var other = new ClusterAuthority("cluster");
        var strange = other.Issue("silo");
        var old = _authority.Issue("old", hours: -1);
        var server = _authority.Issue("server", uses: ClusterAuthority.ServerUse);
        (string Reason, Func<int, Task<bool>> IsClosedAsync)[] strangers =
        [
            ("it has no certificate to show", port => TlsStranger.IsClosedAsync(port, shown: null)),
            ("its certificate is of another authority", port => TlsStranger.IsClosedAsync(port, strange)),
            ("its certificate has expired, or is not valid yet", port => TlsStranger.IsClosedAsync(port, old)),
            ("its certificate is not meant for this use", port => TlsStranger.IsClosedAsync(port, server)),
            ("it does not speak TLS, or broke off", port => TlsStranger.IsClosedAsync(port, "GET / HTTP/1.1\r\n\r\n"u8.ToArray())),
            ("it took longer than 5 s", port => TlsStranger.IsClosedAsync(port, [])),
        ];
        var pages = cluster.ServicesOf(0).GetRequiredService<PageWire>().Open((_, _, _) => Task.FromResult(StreamStatus.Ok)).Port;
        foreach (var (reason, isClosedAsync) in strangers)
        {
            await Task.Delay(NextLine);
            Assert.All(
                await Task.WhenAll(isClosedAsync(ports.GatewayPort), isClosedAsync(ports.SiloPort), isClosedAsync(pages)), Assert.True);
            await SaidAsync(PeerKind.Gateway, reason);
            await SaidAsync(PeerKind.Silo, reason);

            // A page connection that says nothing is closed without a line.
            if (!reason.Contains("5 s", StringComparison.Ordinal)) await SaidAsync(PeerKind.Pages, reason);
        }

        Assert.All(_lines.Texts, line => Assert.DoesNotContain('\n', line));
        await AnswersAsync(cluster);
    }

    [Fact]
    public async Task A_driver_with_a_certificate_of_another_authority_or_without_TLS_gets_no_answer()
    {
        await using var cluster = await EmbeddedCluster.StartAsync(Settings(_authority.Issue("silo")));
        var gateway = cluster.ServicesOf(0).GetRequiredService<IOptions<EndpointOptions>>().Value.GatewayPort;
        using var other = new ClusterAuthority("other");
        var driver = other.Issue("driver");
        foreach (var certificates in new[] { ClusterCertificates.Find(driver.Certificate, driver.Key, other.File).Certificates, null })
        {
            using var stranger = ClusterClientHost.Build(
                new ClusterSettings { Secret = null, Certificates = certificates, ClusterId = "livebed" },
                [new(System.Net.IPAddress.Loopback, gateway)], RootSampler.DefaultSpansPerTrace);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            await Assert.ThrowsAnyAsync<Exception>(() => stranger.StartAsync(patience.Token));
            await SaidAsync(PeerKind.Gateway, "it does not speak TLS, or broke off, or takes this end's certificate for none of its");
        }

        await AnswersAsync(cluster);
    }

    private ClusterSettings Settings((string Certificate, string Key) shown) => new()
    {
        Silos = 2,
        Secret = null,
        Certificates = ClusterCertificates.Find(shown.Certificate, shown.Key, _authority.File).Certificates,
        ConfigureSilo = services => services.AddSingleton<ILoggerProvider>(_lines),
    };

    private static async Task AnswersAsync(EmbeddedCluster cluster)
    {
        Assert.Equal("silo-0", await cluster.Client.GetGrain<IPlaceGrain>("host-0").WhereAsync());

        // From one silo to the other and back.
        Assert.Equal(
            "silo-1 silo-0",
            await cluster.Client.GetGrain<IPlaceGrain>("host-1").RelayAsync([ActorKeys.Host(2)]));
    }

    private Task<string> SaidAsync(PeerKind kind, string reason) => Until.HoldsAsync(
        () => Task.FromResult(string.Join('\n', _lines.Texts)),
        lines => lines.Split('\n').Any(line => line.StartsWith($"a {kind} connection from ", StringComparison.Ordinal)
            && line.Contains($" was refused: {reason}", StringComparison.Ordinal)),
        $"that a {kind} connection was refused since {reason}");

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _texts = new();

        public IEnumerable<string> Texts => _texts;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) _texts.Enqueue(formatter(state, exception));
        }

        public void Dispose() { }
    }
}
