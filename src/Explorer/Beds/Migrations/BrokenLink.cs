namespace Livebed.Explorer.Beds.Migrations;

/// <summary>What is lost on the way between two hosts, for as long as it is set.</summary>
public enum BrokenLink : byte
{
    Whole,

    /// <summary>Pages do not arrive, in neither direction of asking.</summary>
    Pages,

    /// <summary>Nothing arrives.</summary>
    Everything,
}
