namespace Livebed.Grains.Contracts;

/// <summary>Steps of a dirty-log session.</summary>
public enum DirtyLogStep
{
    Enable,
    Round,
    Verify,
    Disable,
}
