#pragma warning disable RS0030 // a cell says what is read and written

namespace Livebed.Kvm.World;

/// <summary>Places for the entries of a table, by index; distant entries share one, which says too much and never too little.</summary>
public readonly struct PlaceTable
{
    private const int Places = 8;

    private readonly Place[]? _places;

    public PlaceTable(IWorld? world)
    {
        if (world?.Footprint is null) return;
        _places = new Place[Places];
        for (var i = 0; i < Places; i++) _places[i] = new Place(world);
    }

    internal bool IsFollowed => _places is not null;

    /// <summary>One place for all entries.</summary>
    public PlaceTable(Place place)
    {
        if (place.IsFollowed) _places = [place, place, place, place, place, place, place, place];
    }

    public void Reads(long index)
    {
        if (_places is not null) _places[index & (Places - 1)].Reads();
    }

    public void Writes(long index)
    {
        if (_places is not null) _places[index & (Places - 1)].Writes();
    }

    public void ReadsAll()
    {
        foreach (var place in _places ?? []) place.Reads();
    }

    public void WritesAll()
    {
        foreach (var place in _places ?? []) place.Writes();
    }
}
