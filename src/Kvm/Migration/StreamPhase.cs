namespace Livebed.Kvm.Migration;

/// <summary>Which part of a migration a page was read in. The destination takes no pre-copy page once it runs.</summary>
public enum StreamPhase : byte
{
    Precopy,
    Postcopy,
}
