namespace Livebed.Kvm.Migration;

/// <summary>What the time was for which a guest stood still, in microseconds. The parts follow each other, and their sum is the downtime:
/// the bed's own comparison of memory is in none of them.</summary>
/// <param name="Sync">devices stop, and the final sync says what is left</param>
/// <param name="Pages">what is left goes over and is stored</param>
/// <param name="State">the state of the vCPUs and memslots is read</param>
/// <param name="TakeOver">the destination makes the VM, claims it from the inventory and lets it run, until the source has its answer;
/// where it did not come to that, until the guest ran again at the source</param>
public readonly record struct DowntimeParts(long Sync, long Pages, long State, long TakeOver)
{
    public long Sum => Sync + Pages + State + TakeOver;

    /// <summary>With the part that ends when the guest has stood for so long.</summary>
    public DowntimeParts Until(DowntimePart part, long stood)
    {
        var more = Math.Max(0, stood - Sum);
        return part switch
        {
            DowntimePart.Sync => this with { Sync = Sync + more },
            DowntimePart.Pages => this with { Pages = Pages + more },
            DowntimePart.State => this with { State = State + more },
            _ => this with { TakeOver = TakeOver + more },
        };
    }
}

/// <summary>A part of the downtime.</summary>
public enum DowntimePart : byte
{
    Sync,
    Pages,
    State,
    TakeOver,
}
