namespace Livebed.Kvm.Migration;

/// <summary>
/// The number under which a VM runs, which no two owners ever share. Its low half counts the VM's hand-overs. Its high half says which
/// inventory granted it, where that was made from what hosts record: the inventory before it may have granted the same hand-over to a host
/// that did not live to report it. So what that host has is older than what the new inventory grants, on every host and for every check.
/// </summary>
public static class VmEpoch
{
    private const int Half = 32;

    /// <summary>Of a VM at the host that has registered it.</summary>
    public const long First = 1;

    /// <summary>After <paramref name="epoch"/>.</summary>
    /// <param name="epoch">that is over</param>
    /// <param name="generation">of the inventory that grants: 0 for one that began with nothing</param>
    public static long Next(long epoch, long generation) =>
        (Math.Max(generation, epoch >> Half) << Half) | (HandOvers(epoch) + 1);

    /// <summary>Whether <paramref name="epoch"/> replaced <paramref name="before"/>, whichever inventory granted it. Of one host it was one
    /// grant.</summary>
    public static bool Follows(long epoch, long before) => epoch > before && HandOvers(epoch) == HandOvers(before) + 1;

    /// <summary>How often the VM was granted to a host, its registration included.</summary>
    public static long HandOvers(long epoch) => epoch & ((1L << Half) - 1);
}
