namespace Livebed.Explorer.Strategies;

/// <summary>The next step of a lane as it was played elsewhere, and the objects that it read and wrote; see <see cref="DepthFirstStrategy"/>.</summary>
internal readonly record struct Sleeper(int Lane, UInt128 Reads, UInt128 Writes)
{
    public bool DependsOn(in Sleeper other) => (Writes & (other.Reads | other.Writes)) != 0 || (other.Writes & Reads) != 0;
}
