using System.Net;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Security;

/// <summary>Says which connections were refused, in a line a second at most: a stranger must not fill the log.</summary>
internal sealed partial class RefusalLog(ILogger log)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private long _next;

    public void Refused(PeerKind kind, EndPoint? peer, string reason)
    {
        var (now, next) = (Environment.TickCount64, Volatile.Read(ref _next));
        if (now < next || Interlocked.CompareExchange(ref _next, now + (long)Interval.TotalMilliseconds, next) != next) return;
        Refused(log, kind, peer, reason);
    }

    [LoggerMessage(LogLevel.Warning, "a {Kind} connection from {Peer} was refused: {Reason}")]
    private static partial void Refused(ILogger log, PeerKind kind, EndPoint? peer, string reason);
}
