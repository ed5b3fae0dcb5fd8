#pragma warning disable RS0030 // a cell says what is read and written
namespace Livebed.Kvm.World;

/// <summary>
/// A reference count. References come and go without an order among themselves, as long as one is left: only the step that drops the last
/// one counts as a write.
/// </summary>
public struct TrackedCount(IWorld? world, int references)
{
    private readonly Place _place = new(world);
    private int _references = references;

    public void Take()
    {
        _place.Reads();
        _references++;
    }

    /// <returns>whether that was the last</returns>
    public bool Drop()
    {
        if (--_references > 0)
        {
            _place.Reads();
            return false;
        }

        _place.Writes();
        return true;
    }
}
