namespace Livebed.Grains.Faults;

/// <summary>What a silo's network does to its link with one other silo, until it is told otherwise or the time is over.</summary>
/// <param name="Silo">the other one's name</param>
/// <param name="Port">where the other one listens for silos: its connections are known by it</param>
public sealed record LinkOrder(string Silo, int Port)
{
    /// <summary>What goes to the other silo is held back.</summary>
    public bool CutsTo { get; init; }

    /// <summary>What comes from the other silo is held back.</summary>
    public bool CutsFrom { get; init; }

    /// <summary>How late each piece is, one way.</summary>
    public int DelayMilliseconds { get; init; }

    /// <summary>One way; 0 for as fast as it goes.</summary>
    public long BytesPerSecond { get; init; }
}

/// <summary>All that a silo's network does. It replaces what was ordered before; without links the network is well.</summary>
/// <param name="Links">at most one for each other silo; a silo without one is reached as usual</param>
/// <param name="Milliseconds">then the network heals by itself, should nothing tell it to</param>
public sealed record LinkOrders(IReadOnlyList<LinkOrder> Links, int Milliseconds)
{
    /// <summary>The network is well.</summary>
    public static readonly LinkOrders None = new([], 0);
}
