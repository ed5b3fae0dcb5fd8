namespace Livebed.Grains.Tests.Actors;

/// <summary>Where a call is that a test holds.</summary>
internal enum HeldPoint : byte
{
    /// <summary>It has been made and is not carried out.</summary>
    Call,

    /// <summary>It has been carried out, and who made it does not know.</summary>
    Answer,
}
