namespace Livebed.Kvm.Guests;

/// <summary>Pages <c>[First, First + Count)</c> of a trace; Count is at least 1.</summary>
public readonly record struct PageRun(long First, long Count)
{
    public long End => First + Count;
}
