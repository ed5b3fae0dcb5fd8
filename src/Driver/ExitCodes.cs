namespace Livebed.Driver;

/// <summary>Exit status of the command; docs/results.md explains them to users.</summary>
public static class ExitCodes
{
    public const int Valid = 0;
    public const int Invalid = 1;
    public const int Unknown = 2;

    /// <summary>A migration would not complete within its limits (`predict`), or is slower than its goals (`bench`).</summary>
    public const int NotWithinLimits = 3;

    /// <summary>EX_USAGE of sysexits.h.</summary>
    public const int Usage = 64;

    /// <summary>EX_SOFTWARE of sysexits.h: the bed failed, which says nothing about what it was testing.</summary>
    public const int BedFailed = 70;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}
