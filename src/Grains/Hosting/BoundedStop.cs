using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Stopping hosts within a bound. A run is over when its cluster stops, so nothing in it is worth waiting for: an actor that hangs is cut
/// off, and a host that does not end in its time is abandoned to the process's end.
/// </summary>
public static class BoundedStop
{
    private static readonly TimeSpan Send = TimeSpan.FromMilliseconds(OtlpEndpoint.PatienceMilliseconds + 500);
    private static readonly TimeSpan Stop = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Release = TimeSpan.FromMilliseconds(200);

    /// <summary>Stops the host; whatever fails while it stops no longer matters to anyone.</summary>
    /// <param name="host">of a silo or a client</param>
    /// <param name="patience">how long it may take; null for a host whose cluster ends too</param>
    public static async Task StopWithinBoundAsync(this IHost host, TimeSpan? patience = null)
    {
        host.Services.GetRequiredService<LogSwitch>().Mute();
        var queued = host.Services.GetServices<IQueuedTelemetry>().Select(telemetry => telemetry.SendAsync());
        await Task.WhenAll(queued).WaitAsync(Send).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var limit = patience ?? Stop;
        using var over = new CancellationTokenSource(limit);
        await host.StopAsync(over.Token).WaitAsync(limit + Release).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await host.ReleaseWithinBoundAsync();
    }

    /// <summary>Disposes of a host that was stopped.</summary>
    public static async Task ReleaseWithinBoundAsync(this IHost host)
    {
        // Disposing can block its thread, hence the pool.
        await Task.Run(host.Dispose, CancellationToken.None).WaitAsync(Release).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>
/// What of a host's log reaches standard error. Once a stop was asked for, nothing does: silos that end together complain about each
/// other's absence, at length, and the user reads it as the result.
/// </summary>
internal sealed class LogSwitch(LogLevel level)
{
    private const string OwnCategories = "Livebed.";

    private volatile bool _muted;

    public void Mute() => _muted = true;

    public bool IsShown(string? category, LogLevel message) => !_muted && message >= category switch
    {
        // The watchdog finds its first check late, and the silo recommends a server GC; both at every start, both harmless here.
        "Orleans.Runtime.Watchdog" or "Orleans.Runtime.Silo" when level < LogLevel.Error => LogLevel.Error,
        // When a silo dies, the runtimes of the others tell it at length; the driver tells it in a line.
        not null when level == LogLevel.Error && !category.StartsWith(OwnCategories, StringComparison.Ordinal) => LogLevel.Critical,
        _ => level,
    };
}
