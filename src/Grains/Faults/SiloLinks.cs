namespace Livebed.Grains.Faults;

/// <summary>
/// The network between one silo and the others, as a driver's nemesis orders it: bytes are held back, late or slow. Nothing is dropped: the
/// kernel's TCP sends again what a network lost, so a connection that outlives the fault goes on where it was. Of two silos each has the
/// order, because either may have made the connection, and the one that made it holds its bytes in both directions. One for each silo; safe
/// from any thread.
/// </summary>
public sealed class SiloLinks
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Silo, LinkWay Way), long> _freeAt = [];
    private State _now = new(LinkOrders.None, 0);

    /// <summary>From now on.</summary>
    public void Order(LinkOrders orders)
    {
        ArgumentNullException.ThrowIfNull(orders);
        State before;
        lock (_gate)
        {
            before = _now;
            _now = new State(orders, Environment.TickCount64 + orders.Milliseconds);
            _freeAt.Clear();
        }

        before.Changed.TrySetResult();
    }

    /// <summary>Returns when the bytes may go on.</summary>
    /// <param name="port">where the other silo listens</param>
    /// <param name="way">of the bytes</param>
    /// <param name="bytes">how many</param>
    /// <param name="cancellation">the connection is over</param>
    public ValueTask PassAsync(int port, LinkWay way, long bytes, CancellationToken cancellation) =>
        PassAsync(link => link.Port == port, way, bytes, cancellation);

    /// <inheritdoc cref="PassAsync(int, LinkWay, long, CancellationToken)"/>
    /// <param name="silo">the other silo's name</param>
    /// <param name="way">of the bytes</param>
    /// <param name="bytes">how many</param>
    /// <param name="cancellation">the connection is over</param>
    public ValueTask PassAsync(string silo, LinkWay way, long bytes, CancellationToken cancellation) =>
        PassAsync(link => link.Silo == silo, way, bytes, cancellation);

    private async ValueTask PassAsync(Func<LinkOrder, bool> isLink, LinkWay way, long bytes, CancellationToken cancellation)
    {
        for (; ; )
        {
            var now = Volatile.Read(ref _now);
            var left = now.EndsAt - Environment.TickCount64;
            if (left <= 0 || now.Orders.Links.FirstOrDefault(isLink) is not { } link) return;
            if (way == LinkWay.To ? link.CutsTo : link.CutsFrom)
            {
                await now.Changed.Task.WaitAsync(TimeSpan.FromMilliseconds(left), cancellation)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellation.ThrowIfCancellationRequested();
                continue;
            }

            var wait = Math.Min(left, link.DelayMilliseconds + Queue(link, way, bytes));
            if (wait > 0) await Task.Delay(TimeSpan.FromMilliseconds(wait), cancellation).ConfigureAwait(false);
            return;
        }
    }

    /// <summary>Milliseconds until the link has carried the bytes, behind those before them.</summary>
    private long Queue(LinkOrder link, LinkWay way, long bytes)
    {
        if (link.BytesPerSecond == 0) return 0;
        lock (_gate)
        {
            var now = Environment.TickCount64;
            var free = Math.Max(now, _freeAt.GetValueOrDefault((link.Silo, way))) + (1_000 * bytes / link.BytesPerSecond);
            _freeAt[(link.Silo, way)] = free;
            return free - now;
        }
    }

    private sealed record State(LinkOrders Orders, long EndsAt)
    {
        public TaskCompletionSource Changed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>Which way bytes go, seen from the silo.</summary>
public enum LinkWay
{
    To,
    From,
}
