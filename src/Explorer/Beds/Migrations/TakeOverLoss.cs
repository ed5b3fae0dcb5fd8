namespace Livebed.Explorer.Beds.Migrations;

/// <summary>What becomes of the next request to take a VM over, of which the source hears nothing.</summary>
public enum TakeOverLoss : byte
{
    None,

    /// <summary>It does not arrive.</summary>
    Request,

    /// <summary>Its answer does not come back.</summary>
    Answer,

    /// <summary>It goes on while the source has given up waiting for it.</summary>
    Patience,
}
