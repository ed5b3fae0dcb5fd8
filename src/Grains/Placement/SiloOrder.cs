namespace Livebed.Grains.Placement;

/// <summary>
/// The order of silos that a silo index counts in: by name, and of two names the shorter first, so that <c>silo-10</c> comes after
/// <c>silo-9</c> and silo i of a full cluster is the one named <c>silo-i</c>.
/// </summary>
public sealed class SiloOrder : IComparer<string>
{
    public static readonly SiloOrder ByName = new();

    public int Compare(string? x, string? y)
    {
        var byLength = (x?.Length ?? 0).CompareTo(y?.Length ?? 0);
        return byLength != 0 ? byLength : string.CompareOrdinal(x, y);
    }
}
