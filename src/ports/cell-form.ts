/** How an attribute's cells are stored: as text of 7-bit characters, or as bytes. */
export type CellForm = 'text' | 'binary';
