using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Stopping hosts within a bound. A run is over when its cluster stops, so nothing in it is worth waiting for: an actor that hangs is cut
/// off, and a host that does not end in its time is abandoned to the process's end.
/// </summary>
public static class BoundedStop
{
    private static readonly TimeSpan Stop = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Release = TimeSpan.FromMilliseconds(200);

    /// <summary>Stops the host; whatever fails while it stops no longer matters to anyone.</summary>
    public static async Task StopWithinBoundAsync(this IHost host)
    {
        host.Services.GetRequiredService<LogSwitch>().Quiet();
        using var patience = new CancellationTokenSource(Stop);
        await host.StopAsync(patience.Token).WaitAsync(Stop + Release).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await host.ReleaseWithinBoundAsync();
    }

    /// <summary>Disposes of a host that was stopped.</summary>
    public static async Task ReleaseWithinBoundAsync(this IHost host)
    {
        // Disposing can block its thread, hence the pool.
        await Task.Run(host.Dispose, CancellationToken.None).WaitAsync(Release).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
