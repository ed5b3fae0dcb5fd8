using Livebed.Kvm.World;

namespace Livebed.Grains.Faults;

/// <summary>
/// The fate of the calls that one silo sends, as a driver's nemesis orders it: which of them are struck, and how late each message is. One
/// for each silo; safe from any thread. A seed repeats the draws, and not which call gets which.
/// </summary>
public sealed class SiloCalls
{
    private readonly Lock _gate = new();
    private CallOrders _orders = CallOrders.None;
    private SeededRandom _random = new(0);
    private long _endsAt;
    private long _struck;

    /// <summary>Calls that were struck since the order that holds now, or held last.</summary>
    public long Struck
    {
        get
        {
            lock (_gate) return _struck;
        }
    }

    /// <summary>From now on.</summary>
    /// <returns>calls that were struck by the order before</returns>
    public long Order(CallOrders orders)
    {
        ArgumentNullException.ThrowIfNull(orders);
        lock (_gate)
        {
            var struck = _struck;
            (_orders, _random, _struck) = (orders, new SeededRandom(orders.Seed), 0);
            Volatile.Write(ref _endsAt, Environment.TickCount64 + orders.Milliseconds);
            return struck;
        }
    }

    /// <summary>What becomes of a call that is about to be sent; null when it goes as usual.</summary>
    public CallFate? Draw()
    {
        if (Volatile.Read(ref _endsAt) <= Environment.TickCount64) return null;
        lock (_gate)
        {
            if (!_random.Chance(_orders.Share)) return null;
            _struck++;
            return new CallFate(Late(), _orders.AreTwice ? Late() : null);
        }
    }

    private TimeSpan Late() => TimeSpan.FromMilliseconds(_orders.DelayMilliseconds * _random.NextDouble());
}

/// <summary>How a call goes.</summary>
/// <param name="Late">how late it is sent</param>
/// <param name="AgainLate">how late it is sent a second time; null when it is sent once</param>
public readonly record struct CallFate(TimeSpan Late, TimeSpan? AgainLate);
