using System.Net;
using System.Security.Cryptography;
using Livebed.Grains.Actors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;

namespace Livebed.Grains.Hosting;

/// <summary>
/// The Orleans dashboard of a cluster whose silos have it: silos, activations, calls by grain and method. It is a client of its own, so
/// that what it asks does not stand in the queue of the campaign's. It listens on loopback; its address has a key, since other users of
/// the machine can connect there too.
/// </summary>
internal sealed class DashboardPage : IAsyncDisposable
{
    private const int KeyBytes = 16;
    private const long ConnectionsMax = 64;

    private readonly WebApplication _page;

    private DashboardPage(WebApplication page, Uri address) => (_page, Address) = (page, address);

    /// <summary>What a browser opens.</summary>
    public Uri Address { get; }

    /// <param name="settings">the cluster</param>
    /// <param name="gateways">as the campaign's client has them</param>
    /// <param name="cancellationToken">gives it up</param>
    public static async Task<DashboardPage> StartAsync(
        ClusterSettings settings, IReadOnlyList<IPEndPoint> gateways, CancellationToken cancellationToken)
    {
        var key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        SiloHostBuilder.AddStandardErrorLog(builder.Logging, settings.LogLevel);
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore();
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port: 0);
            kestrel.Limits.MaxConcurrentConnections = ConnectionsMax;
        });
        builder.Services.AddLivebedMessages();
        builder.Host.UseOrleansClient(client =>
        {
            ClusterClientHost.Configure(client, settings, gateways, trouble: null);
            client.AddDashboard();
        });
        var page = builder.Build();
        page.MapOrleansDashboard($"/{key}");
        try
        {
            await page.StartAsync(cancellationToken);
            var served = page.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            return new DashboardPage(page, new Uri(new Uri(served), $"/{key}/"));
        }
        catch
        {
            await page.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await _page.StopWithinBoundAsync();
}
