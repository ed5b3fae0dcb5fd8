namespace Livebed.Grains.Tests.Actors;

/// <summary>Where a call is that a test holds.</summary>
internal enum HeldPoint : byte
{
    /// <summary>It has been made and is not carried out.</summary>
    Call,

    /// <summary>It has run, and the caller does not know.</summary>
    Answer,
}
