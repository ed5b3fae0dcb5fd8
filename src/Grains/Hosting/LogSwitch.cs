using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Hosting;

/// <summary>
/// What of a host's log reaches standard error. Once a stop was asked for, nothing does: silos that end together complain about each
/// other's absence, at length, and the user reads it as the result.
/// </summary>
internal sealed class LogSwitch(LogLevel level)
{
    private volatile bool _quiet;

    public void Quiet() => _quiet = true;

    public bool Lets(string? category, LogLevel message) => !_quiet && message >= category switch
    {
        // The watchdog finds its first check late, and the silo recommends a server GC; both at every start, both harmless here.
        "Orleans.Runtime.Watchdog" or "Orleans.Runtime.Silo" when level < LogLevel.Error => LogLevel.Error,
        _ => level,
    };
}
